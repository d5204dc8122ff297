"""The inspector: a read-only panel for any page that shows what the kit knows."""
