"""What an app does with files: save, edit, delete, read, evict; and the tables and events that describe
them."""
