import mconnect, { type FloodResult, hold } from 'k6/x/mconnect';
export default async function (): Promise<void> {
  const result: FloodResult = await mconnect.flood('a:1');
  const held = await hold('a:1', { connections: result.connects });
  await held.close();
}
