"""The independent oracle: a naive, slow, clear program written from the contract alone."""
