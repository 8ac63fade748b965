"""What a target may be beside a token."""

IGNORE = -100  # it costs nothing
