/** The HTTP application, made from its ports. It listens nowhere: `main.ts` does that. */
import express, { type Express } from 'express';
import helmet from 'helmet';
import { requestContext } from './http/context.js';
import { originGuard } from './http/guard.js';
import { notFound, problemHandler } from './http/problems.js';
import { createMount } from './http/router.js';
import { imageUpload } from './http/uploads.js';
import { createKnownLabels } from './labels.js';
import type { AppPorts } from './ports.js';
import { mountCorrections } from './routes/corrections.js';
import { mountData } from './routes/data.js';
import { mountImports } from './routes/imports.js';
import { mountModels } from './routes/models.js';
import { mountPredictions } from './routes/predictions.js';
import { mountRuns } from './routes/runs.js';
import { mountSchedule } from './routes/schedule.js';
import { mountService } from './routes/service.js';
import { mountWeb } from './web.js';

/** Headers for every answer. Styles may be inline because the component library sets them on elements. */
function securityHeaders(): ReturnType<typeof helmet> {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'blob:', 'data:'],
        connectSrc: ["'self'"],
        fontSrc: ["'self'"],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // Both are for TLS, which a proxy in front would bring; over plain HTTP they break the page.
    strictTransportSecurity: false,
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'no-referrer' },
  });
}

/** Makes the application. Nothing is started, and nothing of the ports is closed by it. */
export function createApp(ports: AppPorts): Express {
  const { settings, log, metrics } = ports;
  const app = express();
  app.disable('x-powered-by');
  // Weak ETags would cost a hash of every answer.
  app.set('etag', false);
  app.set('query parser', 'simple');

  app.use(requestContext(log, metrics));
  app.use(securityHeaders());
  app.use(originGuard(settings.hosts));

  const upload = imageUpload(settings.limits);
  const labels = createKnownLabels(ports.slot, ports.snapshots);
  const { mount, close } = createMount(app);
  mountPredictions(mount, ports, upload);
  mountCorrections(mount, ports, labels, upload);
  mountRuns(mount, ports);
  mountModels(mount, ports);
  mountSchedule(mount, ports);
  mountData(mount, ports);
  mountImports(mount, ports);
  mountService(mount, ports, labels);
  close();

  mountWeb(app, settings.webFolder);
  app.use(notFound());
  app.use(problemHandler(log));
  return app;
}
