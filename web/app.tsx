/** The whole page: theme, caches and routes. */
import { MantineProvider, Title } from '@mantine/core';
import '@mantine/core/styles.css';

export function App() {
  return (
    <MantineProvider>
      <Title>Medloop</Title>
    </MantineProvider>
  );
}
