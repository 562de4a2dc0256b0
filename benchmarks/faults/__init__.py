"""Real runs on a real Ray and a real S3 server, struck at named places and by real faults, brought to their end."""
