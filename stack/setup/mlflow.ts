/** MLflow in a Python environment of its own, with what loads the registered models. */
import { join } from 'node:path';
import { StackError } from '../errors.js';
import { findMlflow, pythonOf } from '../find.js';
import { VERSIONS } from '../versions.js';
import { runnerFor, type SetupContext } from './context.js';
import type { Part } from './ensure.js';
import { createEnvironment, installPackages } from './python.js';

/** Loads what the server and the registered models need. */
const TRIAL = `
import mlflow.server.fastapi_app, mlflow.pyfunc, mlflow.onnx, onnx, onnxruntime
print("medloop", mlflow.__version__)
`;

export function mlflowPart(context: SetupContext): Part {
  const folder = join(context.tools, 'mlflow', VERSIONS.mlflow, 'venv');
  return {
    name: 'mlflow',
    title: `MLflow ${VERSIONS.mlflow}`,
    find: () => findMlflow(context),
    files: (path) => [path, pythonOf(path) ?? path],
    verify: async (path) => {
      const python = pythonOf(path) ?? path;
      try {
        const lines = await runnerFor(context, 'mlflow-check').run(
          { file: python, args: ['-c', TRIAL], env: context.env },
          { timeoutMs: 180_000 },
        );
        if (lines.some((line) => line.startsWith('medloop 3.'))) return;
      } catch (error) {
        if (!(error instanceof StackError) || error.code !== 'INSTALL_FAILED') throw error;
      }
      throw new StackError(
        'VERIFY_FAILED',
        `${path} does not run as MLflow 3 with onnx and onnxruntime. Remove it, or set MEDLOOP_MLFLOW_BIN to one that does.`,
      );
    },
    install: async (say) => {
      const runner = runnerFor(context, 'mlflow');
      say('making a Python environment');
      await createEnvironment(context, runner, folder);
      let packages = 0;
      await runner.run(
        installPackages(context, folder, [
          `mlflow==${VERSIONS.mlflow}`,
          `onnx==${VERSIONS.onnx}`,
          `onnxruntime==${VERSIONS.onnxruntime}`,
        ]),
        {
          onLine: (line) => {
            if (line.startsWith('Collecting ')) packages += 1;
            if (line.startsWith('Installing')) say(`unpacking ${packages} packages`);
            else say(packages === 0 ? 'installing' : `collecting package ${packages}`);
          },
        },
      );
    },
  };
}
