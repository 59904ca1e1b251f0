"""The benchmark itself: what it writes, and that a wrong output makes no figure count."""
