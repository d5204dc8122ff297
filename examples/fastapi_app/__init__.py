"""A whole application: users sign up, and each has a private store and a part in a shared one."""
