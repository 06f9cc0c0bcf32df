/** Texts of the files beside the model by which MLflow and Python load it. */
import { stringify } from 'yaml';
import { ONNX_INPUT, ONNX_OUTPUT } from './onnx.js';
import { PREPROCESS_DESCRIPTION, PREPROCESS_VERSION } from './preprocess-version.js';
import { IMAGE_SIDE, type Labels } from './types.js';

/** Versions that are written as requirements: those with which the files were tried. */
export interface PythonVersions {
  readonly python: string;
  readonly mlflow: string;
  readonly numpy: string;
  readonly onnx: string;
  readonly onnxruntime: string;
}

export const DEFAULT_PYTHON_VERSIONS: PythonVersions = {
  python: '3.11.7',
  mlflow: '3.17.2',
  numpy: '2.4.6',
  onnx: '1.23.2',
  onnxruntime: '1.32.0',
};

export interface MlmodelInput {
  readonly labels: Labels;
  /** MLflow run id. */
  readonly runId: string;
  /** MLflow's logged model id, `m-…`. */
  readonly modelId: string;
  /** Address of the folder as MLflow knows it. */
  readonly artifactPath: string;
  readonly createdAt: Date;
  /** True when the training data were drawn by the generator. */
  readonly synthetic: boolean;
  readonly modelSizeBytes: number;
  /** Further entries of the metadata, such as the snapshot's digest. */
  readonly metadata?: Readonly<Record<string, string | number | boolean>>;
  readonly versions?: PythonVersions;
}

/** Names of the files that the texts point at. */
const ONNX_FILE = 'model.onnx';
const TFJS_FOLDER = 'tfjs';

/**
 * `MLmodel`, `conda.yaml`, `python_env.yaml` and `requirements.txt` for a folder with `model.onnx` and `tfjs/`. The
 * ONNX flavour is what Python loads (`mlflow.pyfunc`, `mlflow.onnx`); the `tfjs` flavour is passed over by it.
 * @returns file name to content
 */
export function mlmodelFiles(input: MlmodelInput): Record<string, string> {
  const versions = input.versions ?? DEFAULT_PYTHON_VERSIONS;
  const requirements = [
    `mlflow==${versions.mlflow}`,
    `numpy==${versions.numpy}`,
    `onnx==${versions.onnx}`,
    `onnxruntime==${versions.onnxruntime}`,
  ];
  const mlmodel = {
    artifact_path: input.artifactPath,
    flavors: {
      onnx: {
        code: null,
        data: ONNX_FILE,
        onnx_version: versions.onnx,
        providers: ['CPUExecutionProvider'],
      },
      python_function: {
        data: ONNX_FILE,
        env: { conda: 'conda.yaml', virtualenv: 'python_env.yaml' },
        loader_module: 'mlflow.onnx',
        python_version: versions.python,
      },
      tfjs: { data: TFJS_FOLDER, format: 'layers-model', model_json: `${TFJS_FOLDER}/model.json` },
    },
    metadata: {
      ...input.metadata,
      // JSON text here as in the version's tag, so that one reader does for both.
      labels: JSON.stringify(input.labels),
      preprocessing: PREPROCESS_DESCRIPTION,
      preprocess_version: PREPROCESS_VERSION,
      synthetic: input.synthetic,
    },
    mlflow_version: versions.mlflow,
    model_id: input.modelId,
    model_size_bytes: input.modelSizeBytes,
    model_uuid: input.modelId,
    run_id: input.runId,
    // MLflow wants both specifications as JSON text inside the YAML.
    signature: {
      inputs: tensorSpec(ONNX_INPUT, [-1, IMAGE_SIDE, IMAGE_SIDE, 1]),
      outputs: tensorSpec(ONNX_OUTPUT, [-1, input.labels.length]),
      params: null,
    },
    utc_time_created: `${input.createdAt.toISOString().replace('T', ' ').replace('Z', '')}000`,
  };
  return {
    MLmodel: yaml(mlmodel),
    'conda.yaml': yaml({
      channels: ['conda-forge'],
      dependencies: [`python=${versions.python}`, 'pip', { pip: requirements }],
      name: 'mlflow-env',
    }),
    'python_env.yaml': yaml({
      python: versions.python,
      build_dependencies: ['pip', 'setuptools', 'wheel'],
      dependencies: ['-r requirements.txt'],
    }),
    'requirements.txt': `${requirements.join('\n')}\n`,
  };
}

function tensorSpec(name: string, shape: readonly number[]): string {
  return JSON.stringify([{ name, type: 'tensor', 'tensor-spec': { dtype: 'float32', shape } }]);
}

/** YAML 1.1, as Python's reader has it: words like `yes` and times must be quoted there. */
function yaml(document: unknown): string {
  return stringify(document, { version: '1.1', lineWidth: 0 });
}
