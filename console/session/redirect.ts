/** The page that the sign-in service sends browsers back to: it hands what they bring to the page that they came from. */
import { broadcastResponseToMainFrame } from "@azure/msal-browser/redirect-bridge";

broadcastResponseToMainFrame().catch(() => {
  // Opened without an answer, or with one that was used: the console asks anew where it must.
  location.replace("/console/");
});
