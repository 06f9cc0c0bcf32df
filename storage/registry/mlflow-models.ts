/** MLflow's registry calls: registered models, versions, tags and aliases. */
import { z } from 'zod';
import {
  api,
  createCalls,
  list,
  modelVersion,
  nothing,
  orNull,
  quoted,
  registeredModel,
} from './mlflow-calls.js';
import type { MlflowModelVersion, MlflowTag } from './mlflow-calls.js';
import type { MlflowHttp } from './mlflow-http.js';

/** Only calls that may be repeated are; the callers of the others search before they create. */
export function createModelCalls(http: MlflowHttp) {
  const { get, send } = createCalls(http);
  return {
    registeredModel: async (name: string) =>
      orNull(
        get(
          api('registered-models/get'),
          { name },
          z.object({ registered_model: registeredModel }).transform((answer) => answer.registered_model),
        ),
      ),
    createRegisteredModel: (name: string, description: string) =>
      send('POST', api('registered-models/create'), { name, description }, nothing, true),
    findVersions: async (query: { name: string; tagName?: string; value?: string; limit: number }) => {
      const byTag =
        query.tagName === undefined ? '' : ` and tags.${query.tagName} = ${quoted(query.value ?? '')}`;
      const found: MlflowModelVersion[] = [];
      let pageToken = '';
      do {
        const answer = await get(
          api('model-versions/search'),
          {
            filter: `name = ${quoted(query.name)}${byTag}`,
            order_by: 'version_number DESC',
            max_results: String(Math.min(query.limit - found.length, 1000)),
            ...(pageToken === '' ? {} : { page_token: pageToken }),
          },
          z.object({ model_versions: list(modelVersion), next_page_token: z.string().default('') }),
        );
        found.push(...answer.model_versions);
        pageToken = answer.next_page_token;
      } while (pageToken !== '' && found.length < query.limit);
      return found;
    },
    version: (name: string, version: string) =>
      orNull(
        get(
          api('model-versions/get'),
          { name, version },
          z.object({ model_version: modelVersion }).transform((answer) => answer.model_version),
        ),
      ),
    createVersion: async (body: {
      name: string;
      modelId: string;
      runId: string;
      description: string;
      tags: readonly MlflowTag[];
    }) => {
      const answer = await send(
        'POST',
        api('model-versions/create'),
        {
          name: body.name,
          source: `models:/${body.modelId}`,
          model_id: body.modelId,
          run_id: body.runId,
          description: body.description,
          tags: body.tags,
        },
        z.object({ model_version: modelVersion }),
        false,
      );
      return answer.model_version;
    },
    deleteVersion: (name: string, version: string) =>
      orNull(send('DELETE', api('model-versions/delete'), { name, version }, nothing, true)),
    downloadUri: async (name: string, version: string) => {
      const answer = await get(
        api('model-versions/get-download-uri'),
        { name, version },
        z.object({ artifact_uri: z.string() }),
      );
      return answer.artifact_uri;
    },
    setVersionTag: (name: string, version: string, key: string, value: string) =>
      send('POST', api('model-versions/set-tag'), { name, version, key, value }, nothing, true),
    versionByAlias: (name: string, alias: string) =>
      orNull(
        get(
          api('registered-models/alias'),
          { name, alias },
          z.object({ model_version: modelVersion }).transform((answer) => answer.model_version),
        ),
      ),
    /** Not repeated by itself: between two tries the alias may have been moved by someone else. */
    setAlias: (name: string, alias: string, version: string) =>
      send('POST', api('registered-models/alias'), { name, alias, version }, nothing, false),
    /** An alias that is not there is no error. */
    deleteAlias: (name: string, alias: string) =>
      send('DELETE', api('registered-models/alias'), { name, alias }, nothing, true),
  };
}
