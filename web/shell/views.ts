/** The views of the page: one entry each for the navigation, the title and the route. */
import { IconHistory, IconPhotoSearch, IconVersions } from '@tabler/icons-react';
import { lazy, type ComponentType } from 'react';
import { ClassifyPage } from '../classify/page.js';

interface View {
  readonly path: string;
  readonly name: string;
  readonly icon: typeof IconHistory;
  readonly component: ComponentType;
}

export const VIEWS: readonly View[] = [
  { path: '/', name: 'Classify', icon: IconPhotoSearch, component: ClassifyPage },
  {
    path: '/corrections',
    name: 'Corrections',
    icon: IconHistory,
    component: lazy(async () => ({ default: (await import('../corrections/page.js')).CorrectionsPage })),
  },
  {
    path: '/models',
    name: 'Models',
    icon: IconVersions,
    component: lazy(async () => ({ default: (await import('../versions/page.js')).ModelsPage })),
  },
];
