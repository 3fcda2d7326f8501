"""Les labos en un site : de leurs sorties enregistrées à des pages qui se lisent sans réseau."""
