/** The S3 server: one Go build. */
import { StackError } from '../errors.js';
import { findVersitygw, isUsableVersitygw, versitygwFile } from '../find.js';
import { VERSIONS } from '../versions.js';
import type { SetupContext } from './context.js';
import type { Part } from './ensure.js';
import { buildWithGo } from './go.js';

/** Packages that one build compiled. */
const PACKAGES = 587;

export function versitygwPart(context: SetupContext): Part {
  return {
    name: 'versitygw',
    title: `versitygw ${VERSIONS.versitygw} (S3)`,
    find: () => findVersitygw(context),
    files: (path) => [path],
    verify: (path) =>
      isUsableVersitygw(path)
        ? Promise.resolve()
        : Promise.reject(
            new StackError(
              'VERIFY_FAILED',
              `${path} does not run as versitygw ${VERSIONS.versitygw} or later. Set MEDLOOP_VERSITYGW_BIN to one that does.`,
            ),
          ),
    install: (say) =>
      buildWithGo(
        context,
        {
          name: 'versitygw',
          source: `github.com/versity/versitygw/cmd/versitygw@v${VERSIONS.versitygw}`,
          packages: PACKAGES,
          target: versitygwFile(context.tools),
        },
        say,
      ),
  };
}
