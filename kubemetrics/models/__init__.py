"""What the API answers, as frozen values: each is made by its ``from_json``."""
