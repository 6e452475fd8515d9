"""The servers a run needs, and the promise that nothing of them outlives it."""
