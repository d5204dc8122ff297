"""The version of the kit, for every module that tells it."""

VERSION = "0.1.0"
