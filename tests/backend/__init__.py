"""The backend as a process, on real servers, over real HTTP, with real faults on its way to them."""
