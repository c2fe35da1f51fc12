// Interface in ARCHITECTURE.md until it stands here.
export {};
