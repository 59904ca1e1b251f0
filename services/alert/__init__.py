"""The alert stage: states of operations and machines judged by the plant's rules; every alert with all its changes."""
