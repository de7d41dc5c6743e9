export function typeOf(schema: object): string;
export function typesOf(document: object): string;
