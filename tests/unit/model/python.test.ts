/** What Python makes of our files: the same pixels from Pillow, the same answers from ONNX Runtime and MLflow. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import sharp from 'sharp';
import { loadOnnxModel } from '../../../model/inference.js';
import { DEFAULT_PYTHON_VERSIONS, mlmodelFiles } from '../../../model/mlmodel.js';
import { exportOnnx } from '../../../model/onnx.js';
import { drawPhantom, PHANTOM_LABELS } from '../../../model/phantoms.js';
import { createPreprocessor } from '../../../model/preprocess.js';
import { toolPaths } from '../../support/parts.js';
import { randomPixels, smallNetwork } from './small-network.js';

const LABELS = ['yes', 'A: "b"', '3'];
const IMAGES = 5;

/** Reads the folder as someone would who knows nothing but MLflow, and prints what came out as JSON. */
const PROGRAM = `
import io, json, sys
import mlflow, numpy as np, onnx, onnxruntime
from PIL import Image
folder = sys.argv[1]
onnx.checker.check_model(onnx.load(folder + "/model.onnx"), full_check=True)
images = np.fromfile(folder + "/pixels.bin", np.uint8).reshape(-1, 64, 64, 1).astype(np.float32)
session = onnxruntime.InferenceSession(folder + "/model.onnx")
model = mlflow.pyfunc.load_model(folder)
files = json.load(open(folder + "/files.json"))
json.dump({
    "runtime": session.run(None, {"image": images})[0].tolist(),
    "pyfunc": model.predict({"image": images})["probabilities"].tolist(),
    "array": model.predict(images)["probabilities"].tolist(),
    "onnx": type(mlflow.onnx.load_model(folder)).__name__,
    "metadata": model.metadata.metadata,
    "runId": model.metadata.run_id,
    "modelId": model.metadata.model_id,
    "flavors": sorted(model.metadata.flavors),
    "properties": session.get_modelmeta().custom_metadata_map,
    "versions": {"mlflow": mlflow.__version__, "onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
    "pixels": [Image.open(io.BytesIO(bytes.fromhex(f))).convert("L").tobytes().hex() for f in files],
}, sys.stdout)
`;

interface Seen {
  runtime: number[][];
  pyfunc: number[][];
  array: number[][];
  onnx: string;
  metadata: Record<string, unknown>;
  runId: string;
  modelId: string;
  flavors: string[];
  properties: Record<string, string>;
  versions: Record<string, string>;
  pixels: string[];
}

describe('Python', function () {
  // Importing mlflow alone takes seconds on a busy machine.
  this.timeout(120_000);
  let folder: string;
  let seen: Seen;
  let ours: number[][];
  const files: Buffer[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'medloop-python-'));
    const onnx = exportOnnx(smallNetwork(LABELS), { snapshot: '00000007' });
    const pixels = randomPixels(IMAGES);
    await writeFile(join(folder, 'model.onnx'), onnx);
    await writeFile(join(folder, 'pixels.bin'), pixels);
    const texts = mlmodelFiles({
      labels: LABELS,
      runId: '12345678901234567890123456789012',
      modelId: `m-${'0'.repeat(32)}`,
      artifactPath: 'mlflow-artifacts:/1/models/m-0/artifacts',
      createdAt: new Date('2026-03-01T10:00:00.125Z'),
      synthetic: true,
      modelSizeBytes: onnx.length,
      metadata: { snapshot: '00000007', epochs: 3 },
    });
    for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text);
    for (const [index, label] of PHANTOM_LABELS.entries()) {
      const image = sharp(drawPhantom(label, index), { raw: { width: 64, height: 64, channels: 1 } });
      files.push(
        await image
          .toColourspace('b-w')
          .jpeg({ quality: 40 + index * 11 })
          .toBuffer(),
      );
      const small = sharp(drawPhantom(label, index), { raw: { width: 64, height: 64, channels: 1 } });
      files.push(await small.tint('#c08040').png().toBuffer());
    }
    await writeFile(join(folder, 'files.json'), JSON.stringify(files.map((file) => file.toString('hex'))));
    const { python } = toolPaths();
    const result = spawnSync(python, ['-W', 'ignore', '-c', PROGRAM, folder], { maxBuffer: 2 ** 26 });
    expect(result.status, result.stderr.toString()).to.equal(0);
    seen = JSON.parse(result.stdout.toString()) as Seen;
    const model = await loadOnnxModel(onnx, { threads: 1 });
    const answers = await model.predict(pixels, IMAGES);
    await model.close();
    ours = Array.from({ length: IMAGES }, (_, row) => Array.from(answers.slice(row * 3, row * 3 + 3)));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('accepts the ONNX file and answers as we do', () => {
    for (const theirs of [seen.runtime, seen.pyfunc, seen.array]) {
      theirs.flat().forEach((value, index) => {
        expect(value).to.be.closeTo(ours.flat()[index]!, 1e-6);
      });
    }
    expect(seen.onnx).to.equal('ModelProto');
  });

  it('finds classes and origin in the metadata, unharmed by YAML', () => {
    expect(JSON.parse(seen.metadata.labels as string)).to.deep.equal(LABELS);
    expect(seen.metadata).to.include({ synthetic: true, snapshot: '00000007', epochs: 3 });
    expect(seen.runId).to.equal('12345678901234567890123456789012');
    expect(seen.modelId).to.equal(`m-${'0'.repeat(32)}`);
    expect(seen.flavors).to.deep.equal(['onnx', 'python_function', 'tfjs']);
    expect(JSON.parse(seen.properties.labels!)).to.deep.equal(LABELS);
    expect(seen.properties.snapshot).to.equal('00000007');
  });

  it('is asked for the versions that the set-up installs', () => {
    const { mlflow, onnx, onnxruntime } = DEFAULT_PYTHON_VERSIONS;
    expect({ mlflow, onnx, onnxruntime }).to.deep.equal(seen.versions);
  });

  it('decodes 64×64 files, grey JPEG and coloured PNG, to exactly our pixels', async () => {
    const { toModelInput } = createPreprocessor({ maxBytes: 1e6, maxPixels: 1e6 });
    for (const [index, file] of files.entries()) {
      const theirs = Buffer.from(seen.pixels[index]!, 'hex');
      expect(Buffer.compare(theirs, (await toModelInput(file)).pixels), `file ${index}`).to.equal(0);
    }
  });
});
