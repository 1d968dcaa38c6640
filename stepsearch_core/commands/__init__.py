"""What `stepsearch` can be told to do: each module adds its commands and carries them out."""
