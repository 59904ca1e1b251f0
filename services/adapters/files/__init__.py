"""Files of events, read record by record: a format per module, all of them bounded in what they hold."""
