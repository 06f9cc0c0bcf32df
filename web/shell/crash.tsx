/** Catches what breaks while a view is drawn, so that one broken view never blanks the page. */
import { Button, Container, Text, Title } from '@mantine/core';
import { Component, type ReactNode } from 'react';

interface Props {
  readonly children: ReactNode;
}

export class CrashBoundary extends Component<Props, { message: string | null }> {
  override state: { message: string | null } = { message: null };

  static getDerivedStateFromError(error: unknown) {
    return { message: error instanceof Error ? error.message : String(error) };
  }

  override render() {
    if (this.state.message === null) return this.props.children;
    return (
      <Container size="sm" py="xl" role="alert">
        <Title order={1} size="h2">
          This view broke
        </Title>
        <Text my="md">{this.state.message}</Text>
        <Button
          onClick={() => {
            window.location.reload();
          }}
        >
          Reload the page
        </Button>
      </Container>
    );
  }
}
