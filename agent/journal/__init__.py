"""The store: append, cursors, retention, recovery."""
