/** The OpenAPI 3.1 description, made from the table of operations and the schemas. */
import { z } from 'zod';
import { CATALOGUE, type ErrorCode } from './errors.js';
import { COMMON_ERRORS } from './operation-errors.js';
import { OPERATIONS, type Operation } from './operations.js';
import * as schema from './schema.js';

type JsonObject = Record<string, unknown>;

const NAMED = {
  Problem: schema.problemSchema,
  Prediction: schema.predictionSchema,
  FailedPrediction: schema.failedPredictionSchema,
  Predictions: schema.predictionsSchema,
  CorrectionReceipt: schema.correctionReceiptSchema,
  Correction: schema.correctionSchema,
  CorrectionWithFate: schema.correctionWithFateSchema,
  Corrections: schema.correctionsSchema,
  Run: schema.runSchema,
  Runs: schema.runsSchema,
  ModelVersion: schema.modelVersionSchema,
  Models: schema.modelsSchema,
  Promotion: schema.promotionSchema,
  Schedule: schema.scheduleSchema,
  Readiness: schema.readinessSchema,
  Info: schema.infoSchema,
  ImportReport: schema.importReportSchema,
  ImportLine: schema.importLineSchema,
  Data: schema.dataSchema,
} as const;

const names = new Map<z.ZodType, string>(Object.entries(NAMED).map(([name, type]) => [type, name]));

function without(document: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(document).filter(([key]) => !keys.includes(key)));
}

function components(): JsonObject {
  const registry = z.registry<{ id: string }>();
  for (const [name, type] of Object.entries(NAMED)) registry.add(type, { id: name });
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}`, io: 'output' });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, document]) => {
      return [name, without(document, ['$schema', '$id'])];
    }),
  );
}

function inline(type: z.ZodType, io: 'input' | 'output'): JsonObject {
  return without(z.toJSONSchema(type, { io, unrepresentable: 'any' }), ['$schema']);
}

function shapeOf(type: z.ZodType | 'text' | 'binary', io: 'input' | 'output'): JsonObject {
  if (type === 'text') return { type: 'string' };
  if (type === 'binary') return { type: 'string', format: 'binary' };
  const name = io === 'output' ? names.get(type) : undefined;
  return name === undefined ? inline(type, io) : { $ref: `#/components/schemas/${name}` };
}

function content(
  types: Readonly<Record<string, z.ZodType | 'text' | 'binary'>>,
  io: 'input' | 'output',
): JsonObject {
  return Object.fromEntries(
    Object.entries(types).map(([contentType, type]) => [contentType, { schema: shapeOf(type, io) }]),
  );
}

function parametersOf(operation: Operation): JsonObject[] {
  return (['params', 'query'] as const).flatMap((place) => {
    const type = operation[place];
    if (!type) return [];
    const { properties = {}, required = [] } = inline(type, 'input') as {
      properties?: Record<string, JsonObject>;
      required?: string[];
    };
    return Object.entries(properties).map(([name, schemaOf]) => ({
      name,
      in: place === 'params' ? 'path' : 'query',
      required: place === 'params' || required.includes(name),
      schema: schemaOf,
    }));
  });
}

/** One response for each status, naming the codes that come with it. */
function problemsOf(codes: readonly ErrorCode[]): JsonObject {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    const { status } = CATALOGUE[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, found]) => [
      status,
      {
        description: found.map((code) => `\`${code}\`: ${CATALOGUE[code].meaning}`).join('\n\n'),
        content: {
          'application/problem+json': {
            schema: {
              allOf: [
                { $ref: '#/components/schemas/Problem' },
                { properties: { code: { enum: found }, status: { const: status } } },
              ],
            },
          },
        },
      },
    ]),
  );
}

function describe(id: string, operation: Operation): JsonObject {
  const parameters = parametersOf(operation);
  const own = Object.fromEntries(
    Object.entries(operation.responses).map(([status, response]) => [
      status,
      {
        description: response.description,
        ...(Object.keys(response.content).length > 0 ? { content: content(response.content, 'output') } : {}),
      },
    ]),
  );
  return {
    operationId: id,
    summary: operation.summary,
    tags: [operation.tag],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(operation.body ? { requestBody: { content: content(operation.body, 'input') } } : {}),
    responses: { ...problemsOf([...COMMON_ERRORS, ...operation.errors]), ...own },
  };
}

/** @param version of the product, for `info.version` */
export function createOpenApi(version: string): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const [id, operation] of Object.entries<Operation>(OPERATIONS)) {
    const path = operation.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [operation.method]: describe(id, operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Medloop',
      version,
      description:
        'Classify medical images, correct the answers, and follow what the model learns from them. ' +
        'Every error is a problem document (RFC 9457) with a stable `code`. Not for diagnosis.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: { schemas: components() },
  };
}
