"""What short forms stand for: titles, months, places, rulers."""

from phonetic.phones import words
from phonetic.places import SHORT_STATES, STREETS

MONTHS = words("January February March April May June July August September October November December")
SHORT_MONTHS = {
    "jan": "January",
    "feb": "February",
    "mar": "March",
    "apr": "April",
    "jun": "June",
    "jul": "July",
    "aug": "August",
    "sep": "September",
    "sept": "September",
    "oct": "October",
    "nov": "November",
    "dec": "December",
}

BARE_MONTHS = {short.capitalize(): month for short, month in SHORT_MONTHS.items()}  # beside a number: Oct 3

# Read so wherever they end in a full stop.
ALWAYS = {
    "mr": "mister",
    "mrs": "missus",
    "ms": "Ms",  # the lexicon has it
    "messrs": "messers",
    "dr": "doctor",
    "drs": "doctors",
    "prof": "professor",
    "capt": "captain",
    "lt": "lieutenant",
    "sgt": "sergeant",
    "cmdr": "commander",
    "adm": "admiral",
    "gov": "governor",
    "etc": "et cetera",
    "vs": "versus",
    "viz": "namely",
    "cf": "compare",
    "approx": "approximately",
    "dept": "department",
    "est": "established",
    "govt": "government",
    "univ": "university",
    "assn": "association",
    "intl": "international",
    "jr": "junior",
    "sr": "senior",
    "inc": "incorporated",
    "corp": "corporation",
    "ltd": "limited",
    "bros": "brothers",
    "ave": "avenue",
    "blvd": "boulevard",
    "rd": "road",
    "hwy": "highway",
    "pkwy": "parkway",
    "hr": "hour",
    "hrs": "hours",
    "mins": "minutes",
    "secs": "seconds",
    "wk": "week",
    "wks": "weeks",
    "yr": "year",
    "yrs": "years",
    "mon": "Monday",
    "tues": "Tuesday",
    "fri": "Friday",
    "thurs": "Thursday",
    "thur": "Thursday",
    "misc": "miscellaneous",
    "attn": "attention",
    "assoc": "association",
    "brig": "brigadier",
    "esq": "esquire",
    "avg": "average",
    "incl": "including",
    "atty": "attorney",
    "mtn": "mountain",
    "natl": "national",
    "mfg": "manufacturing",
    "mgmt": "management",
    "mgr": "manager",
    "qty": "quantity",
    "bldg": "building",
    "expy": "expressway",
} | {short: month for short, month in SHORT_MONTHS.items() if short not in ("mar", "sep", "jun", "jul")}

# Read so before a capitalised word; otherwise they are words of their own, at the end of a sentence.
BEFORE_NAME = {
    "rev": "reverend",
    "gen": "general",
    "col": "colonel",
    "maj": "major",
    "sen": "senator",
    "rep": "representative",
    "pres": "president",
    "hon": "honorable",
    "ft": "fort",
    "mt": "mount",
    "mts": "mountains",
    "st": "saint",
    "ste": "saint",
    "mme": "madam",
    "mlle": "mademoiselle",
    "fr": "father",
    "supt": "superintendent",
    "pvt": "private",
    "cpl": "corporal",
    "ens": "ensign",
    "sec": "secretary",
    "asst": "assistant",
    "insp": "inspector",
    "det": "detective",
    "amb": "ambassador",
    "pfc": "private first class",
    "cpt": "captain",
    "msgr": "monsignor",
    "atty": "attorney",
}

# Read so before a number.
BEFORE_NUMBER = {
    "no": "number",
    "nos": "numbers",
    "p": "page",
    "pp": "pages",
    "vol": "volume",
    "vols": "volumes",
    "ch": "chapter",
    "chap": "chapter",
    "fig": "figure",
    "figs": "figures",
    "sec": "section",
    "art": "article",
    "op": "opus",
    "eq": "equation",
    "mar": "March",
    "jun": "June",
    "jul": "July",
    "sep": "September",
    "c": "circa",
    "ca": "circa",
    "v": "volume",
    "para": "paragraph",
    "ex": "example",
    "lot": "lot",
    "rte": "route",
    "rt": "route",
    "apt": "apartment",
    "ste": "suite",
    "rm": "room",
    "ext": "extension",
    "max": "maximum",
    "min": "minimum",
    "temp": "temperature",
    "tel": "telephone",
    "ver": "version",
    "app": "appendix",
    "tbl": "table",
}

# Read so after a capitalised word.
AFTER_NAME = STREETS | {"co": "company", "twp": "township"}

# Read so where they begin with a capital; `DAYS_TOO` only beside another day, a month or a number.
CAPITALISED = {"Wed": "Wednesday"} | SHORT_STATES
DAYS_TOO = {"Sat": "Saturday", "Sun": "Sunday", "Thu": "Thursday", "Tue": "Tuesday", "Mar": "March"}
BARE_STREETS = frozenset(words("Ave Blvd Rd Hwy Pkwy Ln Ct Pl Sq"))

# Abbreviations with stops inside, as they look without their last stop.
DOTTED = {
    "i.e": "that is",
    "e.g": "for example",
    "et al": "et al",
    "a.k.a": "also known as",
    "w.r.t": "with respect to",
    "n.b": "nota bene",
    "q.v": "which see",
}
# Without any stop.
BARE = {
    "Dr": "doctor",
    "St": "saint",
    "Mt": "mount",
    "Ft": "fort",
    "Lt": "lieutenant",
    "Sgt": "sergeant",
    "Capt": "captain",
    "Gen": "general",
    "Col": "colonel",
    "Prof": "professor",
    "Mk": "mark",
    "vs": "versus",
    "Vs": "versus",
    "approx": "approximately",
    "ie": "that is",
    "eg": "for example",
}
BARE_BEFORE_NAME = frozenset(BARE) - {"Mk", "vs", "Vs", "ie", "eg", "approx"}

# Short forms that something always follows.
NEVER_LAST = frozenset(words("vs cf viz approx i.e e.g a.k.a"))
# Short forms that end in a stop of their own and never end a sentence.
TITLES = frozenset(words("mr mrs ms messrs dr prof capt lt sgt cmdr adm gov rev gen col sen rep pres hon st mme fr"))

DAYS_AND_MONTHS = frozenset([*MONTHS, *words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")])
# Capitals that are a word in small letters.
CAPITALS = frozenset(
    words(
        "US IT WHO AM PM AD UN EST AI ID ETA VIP MIA ALS LED LCD NGO OS ROI UPS DEA GAO SAT POW AKA SEC IDE MS BA "
        "LA PA ET LAX"
    )
)
# Short forms without a stop that are said in full, or as a word that is not theirs.
NAMED = {
    "WWI": "World War one",
    "WWII": "World War two",
    "NAACP": "~N double ~ACP",
    "JFK": "~JFK",  # CMUdict has gee for its first letter
    "c/o": "care of",
    "n/a": "~NA",
    "N/A": "~NA",
    "w/": "with",
    "w/o": "without",
    "b/c": "because",
    "C#": "~C sharp",
    "F#": "~F sharp",
    "C++": "~C plus plus",
}
# Before `A`: the letter.
LETTERED = frozenset(
    words("vitamin plan grade type class section group hepatitis option team letter exhibit part an straight single")
)

# Before a Roman numeral: read as a plain number.
NUMBERED = frozenset(
    words(
        "chapter book part act scene volume section article title appendix figure table war type phase class "
        "mark bowl apollo canto psalm level grade vol stage episode series season lesson unit day group "
        "column category corps division region zone track round game model version"
    )
)
# Of these, the ones that I, V and X may follow too.
NUMBERED_FROM_ONE = frozenset(
    words(
        "chapter book part act scene volume war type phase class figure table appendix section article title "
        "canto psalm apollo episode season lesson"
    )
)
# Before a Roman numeral: a ruler, read as an ordinal.
RULERS = frozenset(
    words(
        "henry louis edward george charles pius elizabeth richard james william philip paul nicholas "
        "alexander catherine mary napoleon frederick francis ferdinand john peter benedict gregory leo "
        "innocent clement urban boniface alfonso ivan otto leopold umberto victor gustav christian haakon "
        "ptolemy ramses rameses xerxes darius cyrus artaxerxes constantine theodosius justinian mehmed selim "
        "murad robert david malcolm margaret isabella wilhelm friedrich karl ludwig maximilian rudolf joseph "
        "pedro manuel afonso sancho baldwin bohemond tiberius claudius antiochus seleucus cleopatra amenhotep "
        "thutmose seti mahmud abdul emmanuel sigismund stephen stephanus wladyslaw casimir adrian alexios "
        "basil leo michael andronikos romanos hussein abdullah hassan mohammed rama naresuan carl olaf magnus "
        "eric harald canute cnut ethelred edmund celestine eugene callixtus sixtus julius martin marcellus "
        "honorius"
    )
)
# A word that opens a sentence: before one, a short form's stop is also the sentence's.
OPENERS = frozenset(
    words(
        "the a an he she it they we you i this that these those there in on at but and so if when while after "
        "before as for however his her its their our my what who why how not no yes then although since "
        "because by from with during both some many most all one another let do did is was were"
    )
)
