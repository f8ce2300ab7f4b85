import { Migration } from "@mikro-orm/migrations";

/** What containers' images stand for. Those of before are pinned by their next start. */
export class Migration20261130223500ImagePins extends Migration {
  override name = "migration-20261130223500-image-pins";

  override up(): void {
    this.addSql(`alter table "container" add "image_pin" jsonb null;`);
    this.addSql(`alter table "cluster" add "floating_images" boolean not null default false;`);
  }

  override down(): void {
    this.addSql(`alter table "cluster" drop column "floating_images";`);
    this.addSql(`alter table "container" drop column "image_pin";`);
  }
}
