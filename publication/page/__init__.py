"""Un réseau en une page : il répond dans le navigateur, sans serveur."""
