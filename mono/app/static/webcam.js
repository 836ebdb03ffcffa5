// Photos of a camera of this computer or phone. The camera is on only while its window is open.
const PLAIN = {
  NotAllowedError: "The browser does not let this page use the camera: allow it beside the address.",
  NotFoundError: "This computer has no camera.",
  NotReadableError: "The camera is in use by another program.",
};

export function webcam({ button, dialog, video, shoot, close }, say, take) {
  const stop = () => {
    for (const track of video.srcObject?.getTracks() || []) track.stop();
    video.srcObject = null;
  };
  dialog.addEventListener("close", stop); // also by Escape
  close.onclick = () => dialog.close();
  button.onclick = async () => {
    button.disabled = true;
    try {
      if (!navigator.mediaDevices) throw new Error("This browser gives no camera to this page.");
      const wanted = { width: 1920, facingMode: "environment" };
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted });
      dialog.showModal();
      shoot.disabled = true;
      await video.play();
      shoot.disabled = false;
    } catch (error) {
      if (error.name !== "AbortError") say(PLAIN[error.name] || error.message, "error"); // closed while it started
      if (dialog.open) dialog.close(); else stop();
    } finally { button.disabled = false; }
  };
  shoot.onclick = () => {
    shoot.disabled = true;
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth; canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => { dialog.close(); take(new File([blob], "webcam.jpg")); }, "image/jpeg", 0.95);
  };
}
