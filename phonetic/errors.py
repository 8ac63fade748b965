"""The one exception that means: the user can mend this."""


class PhoneticError(Exception):
    """A user's mistake, told in one line.

    Args:
        message: What was expected and what was found, with the file and the place in it.
        hint: What to do next.
        exit_code: 2 for bad usage, 5 for interrupted but resumable, 1 for the rest.
    """

    def __init__(self, message: str, *, hint: str = "", exit_code: int = 1) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = exit_code
