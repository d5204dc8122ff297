"""What a mirror decides: pure functions of what it knew, what the folder has and what the store has."""
