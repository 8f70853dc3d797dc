// The graph as a file: SVG as it is drawn, or PNG made of it.
import type { Scene } from "./scene";

export function savePicture(picture: string, scene: Scene, name: string): void {
  const give = (blob: Blob): void => {
    const link = document.createElement("a"),
      url = URL.createObjectURL(blob);
    link.href = url;
    link.download = name;
    link.click();
    setTimeout(() => {
      URL.revokeObjectURL(url);
    }, 1000);
  };
  if (name.endsWith(".svg")) {
    give(new Blob([picture], { type: "image/svg+xml" }));
    return;
  }
  const image = new Image(),
    factor = Math.min(2, 8000 / Math.max(scene.width, scene.height, 1));
  image.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = (scene.width + 40) * factor;
    canvas.height = (scene.height + 40) * factor;
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => {
      if (blob) give(blob);
    });
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(picture)}`;
}
