"""Where things are and how they are reached: streets, states, zip codes, telephones, web and e-mail addresses."""

import re

from phonetic import numbers
from phonetic.company import Company
from phonetic.phones import words


def _pairs(text: str) -> dict[str, str]:
    """A table that is written as one string: `AL=Alabama,AK=Alaska`."""
    return dict(pair.split("=") for pair in text.split(","))


STREETS = {
    "st": "street",
    "ave": "avenue",
    "blvd": "boulevard",
    "rd": "road",
    "dr": "drive",
    "ln": "lane",
    "ct": "court",
    "pl": "place",
    "sq": "square",
    "hwy": "highway",
    "pkwy": "parkway",
    "ter": "terrace",
    "cir": "circle",
    "expy": "expressway",
}
_STREETS = frozenset([*STREETS, *STREETS.values(), "way", "broadway"])
DIRECTIONS = {"N": "north", "S": "south", "E": "east", "W": "west"}
DIRECTIONS |= {a + b: f"{DIRECTIONS[a]}{DIRECTIONS[b]}" for a in "NS" for b in "EW"}
_HALVES = frozenset(words("Korea Carolina Dakota Virginia Africa America Ireland Yorkshire Sudan Vietnam"))
STATES = _pairs(
    "AL=Alabama,AK=Alaska,AZ=Arizona,AR=Arkansas,CA=California,CO=Colorado,CT=Connecticut,DE=Delaware,FL=Florida,"
    "GA=Georgia,HI=Hawaii,ID=Idaho,IL=Illinois,IN=Indiana,IA=Iowa,KS=Kansas,KY=Kentucky,LA=Louisiana,ME=Maine,"
    "MD=Maryland,MA=Massachusetts,MI=Michigan,MN=Minnesota,MS=Mississippi,MO=Missouri,MT=Montana,NE=Nebraska,"
    "NV=Nevada,NH=New Hampshire,NJ=New Jersey,NM=New Mexico,NY=New York,NC=North Carolina,ND=North Dakota,OH=Ohio,"
    "OK=Oklahoma,OR=Oregon,PA=Pennsylvania,RI=Rhode Island,SC=South Carolina,SD=South Dakota,TN=Tennessee,"
    "TX=Texas,UT=Utah,VT=Vermont,VA=Virginia,WA=Washington,WV=West Virginia,WI=Wisconsin,WY=Wyoming"
)
_WORDS_TOO = frozenset(words("HI IN ME OH OK OR"))  # states only before a zip code
# With a stop: `Calif.` anywhere, the others after a town and a comma.
SHORT_STATES = _pairs(
    "Ala=Alabama,Ariz=Arizona,Calif=California,Colo=Colorado,Conn=Connecticut,Fla=Florida,Kan=Kansas,Ky=Kentucky,"
    "Mich=Michigan,Minn=Minnesota,Neb=Nebraska,Nev=Nevada,Okla=Oklahoma,Penn=Pennsylvania,Tenn=Tennessee,"
    "Wis=Wisconsin,Wyo=Wyoming"
)
TOWN_STATES = _pairs(
    "Ark=Arkansas,Del=Delaware,Ga=Georgia,Ill=Illinois,Ind=Indiana,La=Louisiana,Mass=Massachusetts,Md=Maryland,"
    "Miss=Mississippi,Mo=Missouri,Mont=Montana,Ore=Oregon,Pa=Pennsylvania,Tex=Texas,Va=Virginia,Vt=Vermont,"
    "Wash=Washington"
)
_ENDS_OF_STATES = frozenset(
    word.split(" ")[-1].title() for word in [*STATES, *STATES.values(), *SHORT_STATES, *TOWN_STATES]
)
_ZIP = re.compile(r"\d{5}(?:-\d{4})?")
_HOUSE = re.compile(r"(\d{1,5})([A-Z]?)")
_TOWN = re.compile(r"[A-Z][A-Za-z.'-]*,")
# Before a number of three digits: it is said as a house's is.
_NUMBERED = frozenset(words("room flight highway hwy route rte interstate apt apartment box boeing"))
_ROAD = re.compile(r"(I|US|SR)-(\d{1,3})")
_PHONE = re.compile(r"(?:\+?(\d{1,2})[-. ])?(?:\(?(\d{3})\)?[-. ])?(\d{3})[-.](\d{4})")
_CALLED = frozenset(words("call calls called calling dial dials dialed dialing"))
_LIKE_NUMBER = re.compile(r"\d{2,4}(?:-\d{2,4})*")

_IN_ADDRESS = {".": "dot", "@": "at", "/": "slash", "-": "dash", "_": "underscore", "+": "plus", "~": "tilde"}
_IN_ADDRESS |= {"=": "equals", "#": "hash", ":": "colon", "%": "percent", "&": "and"}
_TOPS = "com|org|net|edu|gov|mil|int|io|co|uk|us|ca|au|de|fr|eu|info|tv|ai|dev|biz|html"
_FILES = "txt|pdf|jpe?g|png|gif|docx?|xlsx?|pptx?|csv|zip|exe|mp[34]|py|js|css|json|xml|md|php|htm"
_ADDRESS = re.compile(
    rf"(?:[a-z]+://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:[\w-]+\.)+(?:{_TOPS})(?:/\S*)?|[\w-]+\.(?:{_FILES})",
    re.ASCII | re.IGNORECASE,
)
_SHORT_WORDS = frozenset(words("co my go we me to of in on is it do no so up by be he at or an hi we as if am"))


def is_address(inner: str) -> bool:
    """Whether a chunk is an e-mail or web address, or the name of a file."""
    return _ADDRESS.fullmatch(inner) is not None


def read_address(inner: str) -> str:
    """jane@example.com is jane at example dot com; the scheme is not said, www is."""
    inner = re.sub(r"^[a-z]+://", "", inner, flags=re.IGNORECASE).rstrip("/")
    said = []
    for piece in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^A-Za-z0-9]", inner):
        if piece.isdigit():
            said.append(numbers.one_by_one(piece) if len(piece) != 4 else numbers.year(piece))
        elif piece.isalpha():
            low = piece.lower()
            is_spelled = (len(piece) < 3 and low not in _SHORT_WORDS) or low in ("www", "edu")
            said.append("~" + piece if is_spelled else piece)
        elif piece in _IN_ADDRESS:
            said.append(_IN_ADDRESS[piece])
    return " ".join(said)


def read(near: Company, inner: str, tail: str) -> tuple[str, int] | None:
    """What to say for a part of a postal address or a telephone number, and for how many chunks it stands."""
    if inner in STATES:
        return _state(inner, near[-1], near[1])
    if inner in DIRECTIONS and (tail == "." or not tail):
        return _direction(near, inner)
    if not inner[-1:].isalnum() or not (inner[0] in "+ISU" or inner[0].isdigit()):
        return None
    before = near[-1]
    if _ZIP.fullmatch(inner) and _bare(before).title() in _ENDS_OF_STATES:
        return " ".join("oh" if digit == "0" else numbers.ONES[int(digit)] for digit in inner if digit != "-"), 1
    if inner[0] in "ISU":
        match = _ROAD.fullmatch(inner)
        return (f"~{match[1]} {house(match[2])}", 1) if match else None
    if (match := _HOUSE.fullmatch(inner)) and (
        _leads_to_street(near, tail) or (len(match[1]) == 3 and _bare(before) in _NUMBERED)
    ):
        return house(match[1]) + (f" ~{match[2]}" if match[2] else ""), 1
    return _telephone(near, inner, before, "" if tail else near[1])


def _bare(chunk: str) -> str:
    return chunk.rstrip(".,;:").lower()


def _state(inner: str, before: str, after: str) -> tuple[str, int] | None:
    has_zip = _ZIP.match(after) is not None
    if not _TOWN.fullmatch(before) or not (has_zip or (inner not in _WORDS_TOO and not before[:-1].isupper())):
        return None
    return STATES[inner], 1


def _direction(near: Company, inner: str) -> tuple[str, int] | None:
    """N. Main St., S. Korea, 40° N."""
    if re.fullmatch(r"\d+°|\d+['\"]|.*°.*['\"]", near[-1]):
        return DIRECTIONS[inner], 1
    if _bare(near[1]).capitalize() in _HALVES or _leads_to_street(near, ""):
        return DIRECTIONS[inner], 1
    return None


def _leads_to_street(near: Company, tail: str) -> bool:
    """Whether names alone stand between a chunk and a street: 12 Oak Dr., 450 5th Ave, 10 N. Main St."""
    if tail not in ("", "."):
        return False
    for at in range(1, 5):
        chunk = near[at]
        if not (chunk[:1].isupper() or chunk[:1].isdigit()):
            return False
        bare = _bare(chunk)
        if at > 1 and chunk[:1].isupper() and bare in _STREETS:
            return True
        if not re.fullmatch(r"[A-Z][A-Za-z'-]*\.?|\d+(?:st|nd|rd|th)", chunk):
            return False
        if chunk.endswith(".") and bare not in ("st", "mt", "ft") and chunk[:-1] not in DIRECTIONS:
            return False
    return False


def house(digits: str) -> str:
    """A house's number: 123 one twenty three, 1200 twelve hundred, 4567 forty five sixty seven."""
    front, last = digits[:-2].lstrip("0"), digits[-2:]
    if not front or (digits.endswith("000") and len(digits) < 6):
        return numbers.cardinal(digits)
    if last == "00":
        return f"{numbers.cardinal(front)} hundred" if len(front) < 3 else f"{house(front)} hundred"
    return f"{house(front) if len(front) > 2 else numbers.cardinal(front)} {numbers.two_digits(last)}"


def is_area_code(inner: str, after: str) -> bool:
    """Whether (555) stands before the rest of a telephone number."""
    return _is_group(inner) and re.match(r"\d{3}-\d{4}\b", after) is not None


def _is_group(chunk: str) -> bool:
    """Whether a chunk is three digits."""
    return len(chunk) == 3 and chunk.isdecimal()


def _telephone(near: Company, inner: str, before: str, after: str) -> tuple[str, int] | None:
    if is_area_code(inner, after):
        return numbers.one_by_one(inner + after[:3] + after[4:8]), 2
    if len(inner) > 7 and (match := _PHONE.fullmatch(inner)):
        country, area, *rest = match.groups()
        parts = [numbers.one_by_one(country)] if country else []
        if area:
            parts.append(_area(area))
        return " ".join([*parts, numbers.one_by_one("".join(rest))]), 1
    if inner.isdigit() and len(inner) > 9:
        return numbers.one_by_one(inner), 1
    if inner[1:] == "11" and inner[0] in "23456789" and _bare(before) in _CALLED:
        return numbers.one_by_one(inner), 1
    if (inner[0] == "+" and len(inner) < 5 and inner[1:].isdecimal()) or (_is_group(inner) and _is_group(after)):
        return _in_groups(near, inner)
    return None


def _area(code: str) -> str:
    """800 is eight hundred, other codes go digit by digit."""
    return f"{numbers.ONES[int(code[0])]} hundred" if code[1:] == "00" else numbers.one_by_one(code)


def _in_groups(near: Company, inner: str) -> tuple[str, int] | None:
    """+1 212 555 0100, or without a country 212 555 0100: groups apart by spaces."""
    groups = [inner]
    for chunk in map(near.__getitem__, range(1, 5)):
        bare = chunk.rstrip(".,;:?!)\"'").strip("(")
        if not _LIKE_NUMBER.fullmatch(bare):
            break
        groups.append(bare)
        if bare != chunk.strip("()"):
            break
    digits = re.sub(r"\D", "", "".join(groups))
    is_whole = 8 <= len(digits) <= 15 if inner[0] == "+" else [len(group) for group in groups] == [3, 3, 4]
    if not is_whole:
        return None
    return ("plus " if inner[0] == "+" else "") + numbers.one_by_one(digits), len(groups)
