"""What short forms stand for: titles, months, places of business, units of measure."""

from phonetic.phones import words

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
}

# Read so after a capitalised word.
AFTER_NAME = {
    "st": "street",
    "co": "company",
    "ln": "lane",
    "sq": "square",
    "pl": "place",
    "dr": "drive",
    "ct": "court",
}

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
    "ie": "that is",
    "eg": "for example",
}
BARE_BEFORE_NAME = frozenset(BARE) - {"Mk", "vs", "Vs", "ie", "eg"}

# Short forms that something always follows.
NEVER_LAST = frozenset(words("vs cf viz approx i.e e.g a.k.a"))
# Short forms that end in a stop of their own and never end a sentence.
TITLES = frozenset(words("mr mrs ms messrs dr prof capt lt sgt cmdr adm gov rev gen col sen rep pres hon st mme fr"))

DAYS_AND_MONTHS = frozenset([*MONTHS, *words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")])
# Capitals that are a word in small letters.
CAPITALS = frozenset(words("US IT WHO AM PM"))
# Before `A`: the letter.
LETTERED = frozenset(
    words("vitamin plan grade type class section group hepatitis option team letter exhibit part an straight single")
)

# unit -> singular, plural
UNITS = {
    "km": ("kilometer", "kilometers"),
    "m": ("meter", "meters"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "nm": ("nanometer", "nanometers"),
    "kg": ("kilogram", "kilograms"),
    "g": ("gram", "grams"),
    "mg": ("milligram", "milligrams"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "ft": ("foot", "feet"),
    "yd": ("yard", "yards"),
    "yds": ("yard", "yards"),
    "mi": ("mile", "miles"),
    "nmi": ("nautical mile", "nautical miles"),
    "mph": ("mile per hour", "miles per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "m/s": ("meter per second", "meters per second"),
    "mi/h": ("mile per hour", "miles per hour"),
    "ft/s": ("foot per second", "feet per second"),
    "kn": ("knot", "knots"),
    "ha": ("hectare", "hectares"),
    "l": ("liter", "liters"),
    "L": ("liter", "liters"),
    "ml": ("milliliter", "milliliters"),
    "mL": ("milliliter", "milliliters"),
    "gal": ("gallon", "gallons"),
    "Hz": ("hertz", "hertz"),
    "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "W": ("watt", "watts"),
    "kW": ("kilowatt", "kilowatts"),
    "MW": ("megawatt", "megawatts"),
    "GW": ("gigawatt", "gigawatts"),
    "kWh": ("kilowatt hour", "kilowatt hours"),
    "V": ("volt", "volts"),
    "kV": ("kilovolt", "kilovolts"),
    "hp": ("horsepower", "horsepower"),
    "KB": ("kilobyte", "kilobytes"),
    "kB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"),
    "dB": ("decibel", "decibels"),
    "ms": ("millisecond", "milliseconds"),
    "sec": ("second", "seconds"),
    "min": ("minute", "minutes"),
    "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"),
    "h": ("hour", "hours"),
    "rpm": ("~RPM", "~RPM"),
    "psi": ("~PSI", "~PSI"),
    "cc": ("~CC", "~CC"),
    "°": ("degree", "degrees"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
}
SCALES = {"hundred", "thousand", "million", "billion", "trillion"}
GLUED_SCALES = {"k": "thousand", "m": "million", "mn": "million", "M": "million", "bn": "billion", "b": "billion"} | {
    "B": "billion",
    "K": "thousand",
    "tn": "trillion",
    "T": "trillion",
}
DOLLARS_OF = {"A": "Australian", "AU": "Australian", "C": "Canadian", "CA": "Canadian", "HK": "Hong Kong"} | {
    "NZ": "New Zealand",
    "US": "~US",
}
# After a bare number of four digits these show that it counts something and is no year.
COUNTED = frozenset(
    words(
        "people men women children soldiers troops workers students members persons inhabitants residents "
        "years days hours feet miles meters metres kilometers kilometres pounds dollars tons tonnes times "
        "copies votes acres words pages points yards species ships aircraft horses houses homes degrees volts "
        "watts"
    )
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
