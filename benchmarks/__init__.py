"""The figures of the README, each measured side by side in one run."""
