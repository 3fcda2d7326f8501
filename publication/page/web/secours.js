// Ouverte comme un fichier, la page ne peut rien charger : on dit comment faire.
if (location.protocol === "file:") {
  document.getElementById("etat").textContent = "";
  document.getElementById("erreur").textContent =
    "Cette page ne marche pas ouverte comme un fichier. Dans son dossier, lancez « python3 -m http.server », puis ouvrez http://localhost:8000.";
}
