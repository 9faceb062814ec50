"""The web server: who may reach the app, the token, the visitors, and the security headers."""
