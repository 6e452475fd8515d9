"""What a run says: results.json, JUnit XML, the terminal."""
