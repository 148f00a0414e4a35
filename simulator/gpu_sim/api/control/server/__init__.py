"""Control calls about the server itself, which reach all of its worlds."""
