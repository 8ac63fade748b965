"""What numbers count: units of measure, scales of money, and what else they stand before."""

from phonetic.phones import words

_METRIC = {
    "m": "meter",
    "g": "gram",
    "L": "liter",
    "W": "watt",
    "Wh": "watt hour",
    "V": "volt",
    "J": "joule",
    "Pa": "pascal",
    "cal": "calorie",
    "Hz": "hertz",
    "B": "byte",
    "bps": "bit per second",
    "eV": "electron volt",
    "\u2126": "ohm",
}
# Prefix -> its name and the units above that it is met with.
_PREFIXES = {
    "k": ("kilo", "m g W Wh V J Pa cal Hz B bps eV \u2126"),
    "M": ("mega", "W Wh V J Pa Hz B bps eV \u2126"),
    "G": ("giga", "W Wh Hz B bps eV Pa"),
    "T": ("tera", "W Wh Hz B bps eV"),
    "P": ("peta", "B"),
    "c": ("centi", "m L"),
    "d": ("deci", "L"),
    "h": ("hecto", "Pa"),
    "m": ("milli", "m g L W V"),
    "\u00b5": ("micro", "m g L W V"),
    "n": ("nano", "m g"),
}
_SINGULAR = {
    **{
        prefix + unit: (name + _METRIC[unit]).replace("oo", "o")
        for prefix, (name, met) in _PREFIXES.items()
        for unit in met.split()
    },
    **{unit: name for unit, name in _METRIC.items() if unit not in ("B", "Pa", "Wh", "\u2126")},
    "l": "liter",
    "ml": "milliliter",
    "dl": "deciliter",
    "cl": "centiliter",
    "mcg": "microgram",
    "KB": "kilobyte",
    "Kbps": "kilobit per second",
    "kbit/s": "kilobit per second",
    "Mbit/s": "megabit per second",
    "Gbit/s": "gigabit per second",
    "\u00b5s": "microsecond",
    "ns": "nanosecond",
    "ms": "millisecond",
    "mA": "milliampere",
    "mAh": "milliampere hour",
    "mol": "mole",
    "kn": "knot",
    "ha": "hectare",
    "lb": "pound",
    "lbs": "pound",
    "oz": "ounce",
    "yd": "yard",
    "yds": "yard",
    "mi": "mile",
    "nmi": "nautical mile",
    "mph": "mile per hour",
    "kph": "kilometer per hour",
    "gal": "gallon",
    "qt": "quart",
    "qts": "quart",
    "pt": "pint",
    "pts": "point",
    "tbsp": "tablespoon",
    "tbsps": "tablespoon",
    "tsp": "teaspoon",
    "tsps": "teaspoon",
    "dB": "decibel",
    "sec": "second",
    "secs": "second",
    "min": "minute",
    "mins": "minute",
    "hr": "hour",
    "hrs": "hour",
    "h": "hour",
    "wk": "week",
    "wks": "week",
    "yr": "year",
    "yrs": "year",
    "mo": "month",
    "mos": "month",
    "°": "degree",
    "px": "pixel",
    "fps": "frame per second",
    "ppm": "part per million",
    "ppb": "part per billion",
    "bpm": "beat per minute",
}
_IRREGULAR = {"foot": "feet", "hertz": "hertz"}


def plural(singular: str) -> str:
    """A unit's name for more than one: `mile per hour` is miles per hour."""
    head, per, rest = singular.partition(" per ")
    *front, last = head.split(" ")
    stem = next((stem for stem in _IRREGULAR if last.endswith(stem)), "")
    last = last.removesuffix(stem) + _IRREGULAR[stem] if stem else last + "s"
    return " ".join([*front, last]) + per + rest


# unit -> singular, plural
UNITS = {unit: (name, plural(name)) for unit, name in _SINGULAR.items()} | {
    "ft": ("foot", "feet"),
    "inHg": ("inch of mercury", "inches of mercury"),
    "mmHg": ("millimeter of mercury", "millimeters of mercury"),
    "mbar": ("millibar", "millibars"),
    "hp": ("horsepower", "horsepower"),
    "rpm": ("~RPM", "~RPM"),
    "psi": ("~PSI", "~PSI"),
    "cc": ("~CC", "~CC"),
    "dpi": ("~DPI", "~DPI"),
    **{
        f"°{letter}": (f"degree {name}", f"degrees {name}")
        for letter, name in zip("CFKNSEW", words("Celsius Fahrenheit Kelvin north south east west"), strict=True)
    },
}
PER = {"s": "second", "hr": "hour", "h": "hour", "d": "day", "wk": "week", "mo": "month", "yr": "year"}

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
CURRENCY_CODES = {
    "USD": "~US dollar",
    "EUR": "euro",
    "GBP": "British pound",
    "CAD": "Canadian dollar",
    "AUD": "Australian dollar",
    "NZD": "New Zealand dollar",
    "HKD": "Hong Kong dollar",
    "CHF": "Swiss franc",
    "INR": "rupee",
    "Rs": "rupee",
    "MXN": "Mexican peso",
}
UNITS |= {code: (name, name + "s") for code, name in CURRENCY_CODES.items()} | {
    "JPY": ("yen", "yen"),
    "CNY": ("yuan", "yuan"),
}
# After a bare number of four digits these show that it counts something and is no year.
COUNTED = frozenset(
    words(
        "people men women children soldiers troops workers students members persons inhabitants residents "
        "years days hours feet miles meters metres kilometers kilometres pounds dollars tons tonnes times "
        "copies votes acres words pages points yards species ships aircraft horses houses homes degrees volts "
        "watts items steps bytes employees customers patients books songs users percent calories units cases deaths "
        "jobs seats rooms cars trees cats dogs birds stars questions cells gallons liters minutes seconds weeks months"
    )
)
# Before a number with its unit or sum of money, these make it describe the noun that follows: a ten meter pool.
DETERMINERS = frozenset(words("a an another each every"))
NO_NOUNS = frozenset(
    words(
        "of from to in into on at per and or but by for with away above below is was are were a an the than as each "
        "that which who they she you had has have will would can could"
    )
)
