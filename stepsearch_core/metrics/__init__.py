"""What is measured: answers, search behaviour, and how certain the figures are."""
