/** The texts beside a model, as a YAML reader sees them. What Python makes of them is in python.test.ts. */
import { expect } from 'chai';
import { parse } from 'yaml';
import { mlmodelFiles } from '../../../model/mlmodel.js';
import { ONNX_INPUT, ONNX_OUTPUT } from '../../../model/onnx.js';

const INPUT = {
  labels: ['b', 'a'],
  // Digits only: without quotes YAML would read a number and lose digits.
  runId: '12345678901234567890123456789012',
  modelId: 'm-1',
  artifactPath: 'mlflow-artifacts:/1/models/m-1/artifacts',
  createdAt: new Date('2026-03-01T10:00:00.125Z'),
  synthetic: false,
  modelSizeBytes: 123,
};

describe('The MLmodel file', () => {
  const files = mlmodelFiles(INPUT);
  const document = parse(files.MLmodel!) as Record<string, Record<string, unknown>>;

  it('comes with the three files that describe the environment', () => {
    expect(Object.keys(files)).to.deep.equal([
      'MLmodel',
      'conda.yaml',
      'python_env.yaml',
      'requirements.txt',
    ]);
    const conda = parse(files['conda.yaml']!) as { dependencies: [string, string, { pip: string[] }] };
    expect(conda.dependencies[2].pip.join('\n')).to.equal(files['requirements.txt']!.trim());
  });

  it('has the signature as JSON text with the names of the graph', () => {
    const specs = ['inputs', 'outputs'].map(
      (side) => (JSON.parse(document.signature![side] as string) as { name: string }[])[0]!.name,
    );
    expect(specs).to.deep.equal([ONNX_INPUT, ONNX_OUTPUT]);
  });

  it('keeps the class order and does not let further metadata replace it', () => {
    const text = mlmodelFiles({ ...INPUT, metadata: { labels: 'x', digest: 'd' } }).MLmodel!;
    const { metadata } = parse(text) as { metadata: Record<string, unknown> };
    expect(metadata.labels).to.equal('["b","a"]');
    expect(metadata.digest).to.equal('d');
  });

  it('keeps a run id of digits as text and writes the time as MLflow does', () => {
    expect(document.run_id).to.equal(INPUT.runId);
    expect(document.utc_time_created).to.equal('2026-03-01 10:00:00.125000');
  });
});
