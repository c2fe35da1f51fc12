export { type Database, type Migration, openDatabase } from './database.ts';
