"""The notify stage: alerts become messages to the people they concern, once."""
