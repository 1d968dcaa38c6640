"""What everything else stands on: types, text, files, limits of parameters, random streams, the terminal."""
