// The demo page's two conveniences: opening the chat from a button, and copying a snippet.
(() => {
  for (const button of document.querySelectorAll("[data-open-chat]")) {
    button.addEventListener("click", () => window.frontdesk && window.frontdesk.open());
  }
  const status = document.getElementById("copied");
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = "Copied";
        status.textContent = "Copied to the clipboard.";
      } catch {
        // No clipboard without https: mark the text, so that a key press copies it.
        window.getSelection().selectAllChildren(source);
        status.textContent = "The text is selected; copy it with the keyboard.";
      }
    });
  }
})();
