"""Texts of one token each, where a tokenizer's way with longer ones is not known."""

from geometry.errors import TokenError
from geometry.tokens.table import TokenTable


class SingleTokens:
    """Finds texts that are one token, where nobody knows how this tokenizer cuts longer ones."""

    def __init__(self, table: TokenTable, reason: str) -> None:
        self.note = f"Only texts of one token can be encoded: {reason}."
        self._reason, self._source = reason, table.source
        self._ids = {data: token for token, data in enumerate(table.data) if data and token not in table.special}

    def normalise(self, text: str) -> bytes:
        """Return the bytes of the text itself."""
        return text.encode()

    def encode(self, text: str) -> list[int]:
        """Return the id of exactly this text.

        Raises:
            TokenError: no one token is this text.
        """
        if not text:
            return []
        token = self._ids.get(text.encode())
        if token is None:
            raise TokenError(
                f"{self._source}: {text!r:.60} is no single token, and {self._reason}; name its tokens by id"
            )
        return [token]
