/** The name under which this browser's corrections are sent. */
import { useLocalStorage } from '@mantine/hooks';

const STORAGE_KEY = 'medloop-author';

/** Name and its setter; empty where none was given. */
export function useAuthor(): readonly [string, (name: string) => void] {
  const [author, setAuthor] = useLocalStorage({
    key: STORAGE_KEY,
    defaultValue: '',
    getInitialValueInEffect: false,
    serialize: (value) => value,
    deserialize: (value) => value ?? '',
  });
  return [author, setAuthor];
}
