"""The lab's Git server: bare repositories over smart HTTP, without authentication, for clones, fetches and pushes."""
