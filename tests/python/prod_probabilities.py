"""Loads models:/medical-mnist@prod as any Python user would and prints its probabilities for image files as JSON."""

import json
import sys

import mlflow
import numpy as np
from PIL import Image

uri, *files = sys.argv[1:]
mlflow.set_tracking_uri(uri)
model = mlflow.pyfunc.load_model("models:/medical-mnist@prod")
pixels = np.stack([np.asarray(Image.open(file).convert("L"), dtype=np.float32).reshape(64, 64, 1) for file in files])
print(
    json.dumps(
        {
            "labels": model.metadata.metadata["labels"],
            "probabilities": model.predict({"image": pixels})["probabilities"].tolist(),
        }
    )
)
